"""The gateway: it answers the requests of an application under test with the model of the arm that runs."""
