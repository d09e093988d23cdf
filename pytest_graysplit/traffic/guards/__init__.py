"""Guards of an arm of live traffic: they decide, without any request of their own, whether it gets the next one."""
