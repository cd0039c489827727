//go:build !js

package dicom

// codecHere is nil: no codec but those of this package.
func codecHere(string) codec { return nil }
