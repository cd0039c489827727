// Package fault kills the parts of a whole exchange on Fabric, Kubo and
// PostgreSQL while clients work with it, at numbered requests and never at
// sleeps, and checks what must hold afterwards. It has tests only.
package fault
