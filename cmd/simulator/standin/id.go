package standin

import (
	"math/rand/v2"
)

const idAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newID returns prefix and 21 random characters, the length the live API uses.
func newID(prefix string) string {
	return string(appendID(make([]byte, 0, len(prefix)+21), prefix))
}

func appendID(b []byte, prefix string) []byte {
	b = append(b, prefix...)
	for range 3 {
		bits := rand.Uint64()
		for range 7 {
			b = append(b, idAlphabet[bits%62])
			bits /= 62
		}
	}
	return b
}

const noise = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// obfuscation is the random padding that the live API puts on text deltas against
// traffic analysis; its length evens out that of the delta.
func obfuscation(delta string) string {
	n := 16 - len(delta)%16
	b := make([]byte, n)
	for i := range b {
		b[i] = noise[rand.IntN(len(noise))]
	}
	return string(b)
}
