"""The log of live traffic: records, writer, reader, follower."""
