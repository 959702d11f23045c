"""Running services and clients: links to the broker, workers, routing, replies, alerts, spools."""
