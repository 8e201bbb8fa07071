package wire

import "switchboard/session"

// TakeTurns implements [session.Conn].
func (c *Conn) TakeTurns(take func() (leave func())) { c.in.take = take }

// turn waits for a turn to read, if one is needed.
func (in *input) turn() (leave func()) {
	if in.take == nil {
		return func() {}
	}
	return in.take()
}

// inTurn is do in a turn of its own: where there is no descriptor, what has come is known once it is read.
func (c *Conn) inTurn(do func(session.Frame, error) error, f session.Frame, err error) error {
	defer c.in.turn()()
	return do(f, err)
}
