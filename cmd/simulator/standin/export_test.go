package standin

// Cadence is for tests.
var Cadence = cadence
