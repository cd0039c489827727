package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/privacy/notice"
)

// cli gives the peers their administrators' commands.
type cli struct {
	site    site
	program string // peer
}

// run runs a command as the administrator of an organisation, at its own peer.
func (c cli) run(ctx context.Context, m member, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.program, args...)
	cmd.Env = append(os.Environ(), "FABRIC_CFG_PATH="+c.site.config(m.Name), "FABRIC_LOGGING_SPEC=error",
		"CORE_PEER_MSPCONFIGPATH="+filepath.Join(m.Dir, "admin", "msp"))
	var out, words strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, lastLine([]byte(words.String())))
	}
	return []byte(out.String()), nil
}

// again repeats what fails while others are not ready.
func again(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// deploy has the peers join the channel and the organisations agree on the
// contract. Every step looks first whether it is done.
func (n *Network) deploy(ctx context.Context, c cli) error {
	failed := func(m member, what string, err error) error {
		return notice.Because(err, notice.Unavailable, m.Name+" "+what+": "+err.Error(), "see peer-"+m.Name+".log in "+n.site.run()+", then start again: it goes on from here")
	}
	members := n.site.members()
	each := func(what string, step func(context.Context, member) error) error {
		g, ctx := errgroup.WithContext(ctx)
		for _, m := range members {
			g.Go(func() error {
				if err := again(ctx, func() error { return step(ctx, m) }); err != nil {
					return failed(m, what, err)
				}
				return nil
			})
		}
		return g.Wait()
	}
	if err := each("cannot join the channel", c.join); err != nil {
		return err
	}
	if err := each("cannot install the contract", c.install); err != nil {
		return err
	}
	d, done, err := c.definition(ctx, members[0])
	if err != nil {
		return failed(members[0], "does not say what was agreed on", err)
	}
	if done {
		return nil
	}
	if err := each("cannot approve the contract", func(ctx context.Context, m member) error { return c.approve(ctx, m, d) }); err != nil {
		return err
	}
	if err := again(ctx, func() error { return c.commit(ctx, members, d) }); err != nil {
		return failed(members[0], "cannot put the contract into force", err)
	}
	return nil
}

func (c cli) join(ctx context.Context, m member) error {
	list, err := c.run(ctx, m, "channel", "list")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(list)) {
		if strings.TrimSpace(line) == Channel {
			return nil
		}
	}
	_, err = c.run(ctx, m, "channel", "join", "-b", c.site.path("channel.block"))
	return err
}

func (c cli) install(ctx context.Context, m member) error {
	b, err := c.run(ctx, m, "lifecycle", "chaincode", "queryinstalled", "--output", "json")
	if err != nil {
		return err
	}
	var list struct {
		Installed []struct {
			ID string `json:"package_id"`
		} `json:"installed_chaincodes"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	for _, i := range list.Installed {
		if i.ID == c.site.Package {
			return nil
		}
	}
	_, err = c.run(ctx, m, "lifecycle", "chaincode", "install", c.site.path("contract.tgz"))
	return err
}

// definition returns the arguments that name what to agree on, and whether that
// is in force.
func (c cli) definition(ctx context.Context, m member) (args []string, done bool, err error) {
	var now struct {
		Sequence int    `json:"sequence"`
		Version  string `json:"version"`
	}
	err = again(ctx, func() error {
		b, err := c.run(ctx, m, "lifecycle", "chaincode", "querycommitted", "-C", Channel, "-n", Contract, "--output", "json")
		if err != nil && strings.Contains(err.Error(), "is not defined") {
			return nil
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(b, &now)
	})
	if now.Version == contractVersion {
		return nil, true, err
	}
	return []string{
		"-C", Channel, "-n", Contract, "-v", contractVersion, "--sequence", strconv.Itoa(now.Sequence + 1),
		"--collections-config", c.site.path("config", "collections.json"), // and the channel's own policy: a majority
	}, false, err
}

func (c cli) orderer(m member) []string {
	return []string{"-o", fmt.Sprintf("127.0.0.1:%d", m.Orderer), "--tls", "--cafile", filepath.Join(m.Dir, "orderer", "tls", "ca.pem"), "--waitForEvent"}
}

func (c cli) approve(ctx context.Context, m member, definition []string) error {
	b, err := c.run(ctx, m, append([]string{"lifecycle", "chaincode", "checkcommitreadiness", "--output", "json"}, definition...)...)
	if err != nil {
		return err
	}
	var said struct {
		Approvals map[string]bool `json:"approvals"`
	}
	if err := json.Unmarshal(b, &said); err != nil || said.Approvals[m.Name] {
		return err
	}
	args := append([]string{"lifecycle", "chaincode", "approveformyorg", "--package-id", c.site.Package}, c.orderer(m)...)
	_, err = c.run(ctx, m, append(args, definition...)...)
	return err
}

func (c cli) commit(ctx context.Context, members []member, definition []string) error {
	args := append([]string{"lifecycle", "chaincode", "commit"}, c.orderer(members[0])...)
	for _, m := range members {
		args = append(args, "--peerAddresses", fmt.Sprintf("127.0.0.1:%d", m.Peer), "--tlsRootCertFiles", filepath.Join(m.Dir, "peer", "tls", "ca.pem"))
	}
	_, err := c.run(ctx, members[0], append(args, definition...)...)
	if err == nil {
		return nil
	}
	if _, done, e := c.definition(ctx, members[0]); e == nil && done {
		return nil // an attempt that said it failed did not
	}
	return errors.Join(err)
}
