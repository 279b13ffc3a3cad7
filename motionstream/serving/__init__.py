"""The live server: people open streams on one engine over WebSockets, steer them and watch."""
