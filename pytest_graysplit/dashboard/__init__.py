"""The live page: what a run or a stream of traffic has shown so far, in a browser; `docs/dashboard.md` describes it."""
