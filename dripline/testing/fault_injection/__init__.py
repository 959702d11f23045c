"""What an embedded broker does wrong for a test. All of it runs on the broker's thread."""
