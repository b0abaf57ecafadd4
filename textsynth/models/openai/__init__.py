"""What talks to the servers of a model: one client, its connections, its pace, and what each server understands."""
