"""What makes messages go round: workers, replies, schedules, lockout, and the link to the mesh."""
