package hub

// held is a controller whose lock its goroutine holds. Methods that need the lock are its, and
// only lock returns one, so that calling such a method without the lock does not compile; nor
// does calling a method of the Controller, which may lock, while the lock is held.
type held Controller

// lock waits for the lock, which is never held for long: nothing done under it waits.
func (c *Controller) lock() *held {
	c.mu.Lock()
	return (*held)(c)
}

func (c *held) unlock() { c.mu.Unlock() }

// own is the controller itself, for what needs no lock or must outlive it.
func (c *held) own() *Controller { return (*Controller)(c) }
