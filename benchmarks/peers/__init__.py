"""What other packages need for the same work, run beside ours."""
