// Package access is what callers may do and have used: API keys and their limits ([KeyRing]),
// client tokens ([Grants]) and what sessions have spent ([Meter]). Package redisstore
// implements the three ports.
package access
