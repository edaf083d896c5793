"""What whoever runs the backend does with it: serving, tables, health, numbers, the interface in a file.

*Operator*: who runs it; of no organisation, and shown by being on the machine or by a token of their own.
"""
