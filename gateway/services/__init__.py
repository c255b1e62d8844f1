"""The use cases, one file each: what a caller asks for, answered from the store."""
