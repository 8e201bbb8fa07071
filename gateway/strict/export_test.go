package strict

// TurnsHeld is how many parse a large body now.
func TurnsHeld() int { return len(turns) }
