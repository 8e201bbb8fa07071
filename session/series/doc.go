// Package series is what nodes measure of themselves: [Histogram] counts durations without a lock,
// a [Sample] is what one node did in a minute or an hour, and a [Store] keeps samples for charts.
// Package redisstore implements it.
package series
