"""The HTTP server of the gateway: the app that checks and answers requests, and the thread that serves it."""
