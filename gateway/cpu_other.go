//go:build !unix

package gateway

import "time"

// processTime is not known here.
func processTime() time.Duration { return 0 }
