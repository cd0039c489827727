package fabric

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"manx/deploy"
)

// A member is what the templates say of an organisation.
type member struct {
	ports
	Name, Dir, Data, Builder string
	AllTLS                   []string // authorities of every organisation
}

func (s site) members() []member {
	var list []member
	for _, name := range organisations {
		m := member{ports: s.Ports[name], Name: name, Dir: s.organisation(name), Data: s.data(name), Builder: s.path("builder")}
		for _, other := range organisations {
			m.AllTLS = append(m.AllTLS, filepath.Join(s.organisation(other), "orderer", "tls", "ca.pem"))
		}
		list = append(list, m)
	}
	return list
}

// configure writes what depends on ports and on this program's version.
func (s site) configure() error {
	members := s.members()
	for _, m := range members {
		if err := errors.Join(
			s.render("orderer.yaml.tmpl", filepath.Join(s.config(m.Name), "orderer.yaml"), m),
			s.render("core.yaml.tmpl", filepath.Join(s.config(m.Name), "core.yaml"), m),
			s.connect(m),
		); err != nil {
			return err
		}
	}
	collections, err := deploy.Files.ReadFile("fabric/collections.json")
	if err != nil {
		return err
	}
	return errors.Join(
		replace(s.path("config", "collections.json"), collections),
		s.builder(),
		s.render("connection.yaml.tmpl", s.path("connection.yaml"), struct {
			Root, Channel, Client string
			Organisations         []member
		}{s.dir, Channel, User, members}),
	)
}

func (s site) render(name, file string, data any) error {
	t, err := template.New(name).Option("missingkey=error").ParseFS(deploy.Files, "fabric/"+name)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return fmt.Errorf("template %s: %w", name, err)
	}
	return replace(file, b.Bytes())
}

// builder writes the scripts by which a peer takes the contract's package.
func (s site) builder() error {
	for _, name := range []string{"detect", "build", "release"} {
		b, err := deploy.Files.ReadFile("fabric/builder/bin/" + name)
		if err != nil {
			return err
		}
		file := s.path("builder", "bin", name)
		if err := errors.Join(replace(file, b), os.Chmod(file, 0o700)); err != nil { //nolint:gosec // a script
			return err
		}
	}
	return nil
}

// connect writes where a peer finds the contract's process and how they know one
// another, for the peer's builder and for a package that it built before.
func (s site) connect(m member) error {
	read := func(parts ...string) string {
		b, err := os.ReadFile(filepath.Join(append([]string{m.Dir}, parts...)...))
		if err != nil {
			return ""
		}
		return string(b)
	}
	b, err := json.Marshal(map[string]any{
		"address": fmt.Sprintf("127.0.0.1:%d", m.Contract), "dial_timeout": "5s",
		"tls_required": true, "client_auth_required": true,
		"client_key": read("peer", "tls", "key.pem"), "client_cert": read("peer", "tls", "cert.pem"), "root_cert": read("peer", "tls", "ca.pem"),
	})
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(s.config(m.Name), "contract.json"), b); err != nil {
		return err
	}
	built := filepath.Join(m.Data, "peer", "externalbuilder", "builds", strings.ReplaceAll(s.Package, ":", "-"))
	release := filepath.Join(built, "release", "chaincode", "server", "connection.json")
	switch _, err := os.Stat(release); {
	case err == nil:
		return replace(release, b)
	case errors.Is(err, fs.ErrNotExist):
		return os.RemoveAll(built) // the peer was ended while it built: it builds anew
	default:
		return err
	}
}
