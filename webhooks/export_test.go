package webhooks

// ParseEvent is parseEvent.
var ParseEvent = parseEvent
