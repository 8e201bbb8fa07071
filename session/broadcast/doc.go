// Package broadcast is the log of broadcasts as nodes read it, and what became of each in the
// sessions it concerned. Package redisstore implements [Log].
package broadcast
