package secagg

// Step returns whose messages the coordinator takes now: 1 for keys, 2 shares, 3
// masked updates, 4 agreements, 5 what is opened.
func (c *Coordinator) Step() int { return int(c.step) }
