package hub

import (
	"errors"
)

// Sentinels that callers branch on.
var (
	ErrEnded     = errors.New("session: ended")
	ErrLeaseLost = errors.New("session: lease lost")
	ErrDraining  = errors.New("session: node is draining")
	ErrBusy      = errors.New("session: upstream is not taking what is sent")
)
