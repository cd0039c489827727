// Package upload measures a client of six Kubo nodes: rates, processor time and
// memory. It is a package of its own so that the memory is a client's, and not
// that of Fabric's libraries beside it. It is tests only.
package upload
