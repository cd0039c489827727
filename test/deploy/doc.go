// Package deploy has no code of its own: its tests render the Helm chart of deploy/k8s
// with helm and check every object as an API server would, with the server's own code
// (check, a module of its own); they have systemd read the units of deploy/systemd; and
// they ask manx whether it has each command and flag that either runs.
package deploy
