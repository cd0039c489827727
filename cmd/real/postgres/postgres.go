// Package postgres runs a PostgreSQL server of its own in a folder, from
// Debian's binaries: made the first time, started again afterwards. It listens
// on loopback and asks for a password. It knows no table: that is web/index.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"manx/cmd/real/process"
	"manx/privacy/notice"
	"manx/storage/durable"
)

// Options are how a server is started. Dir is needed.
type Options struct {
	Dir      string // everything it keeps; made when absent
	Tied     bool   // ends with this process, killed or not
	Progress func(string)
}

// A Server is one that was started, by this program or an earlier one.
type Server struct {
	DSN     string // with the password in it: never to be logged
	Process *process.Process
}

const (
	role     = "manx"
	database = "manx"
)

// Up returns a running server: the one that runs in the folder, or one it
// starts there, in a cluster that it makes the first time.
func Up(ctx context.Context, o Options) (*Server, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	f, err := folderOf(o)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of PostgreSQL: %w", err)
	}
	if err := f.openWay(); err != nil {
		return nil, err
	}
	if err := f.found(ctx, o.Progress); err != nil {
		return nil, err
	}
	if s, ok, err := f.running(); ok || err != nil {
		return s, err
	}
	o.Progress("starting PostgreSQL")
	return f.start(ctx)
}

// Find returns the server that runs in a folder, for stopping it.
func Find(o Options) (*Server, bool) {
	f, err := folderOf(o)
	if err != nil {
		return nil, false
	}
	s, ok, err := f.running()
	return s, ok && err == nil
}

// Down ends the server: it closes all sessions and writes what it holds in
// memory. One that does not end within ten seconds is killed, which loses
// nothing that was committed.
func (s *Server) Down(ctx context.Context) error {
	_ = s.Process.Signal(syscall.SIGINT) // SIGTERM would wait for the sessions
	for until := time.After(10 * time.Second); s.Process.Alive(); {
		select {
		case <-time.After(10 * time.Millisecond):
			continue
		case <-until:
		case <-ctx.Done():
		}
		break
	}
	return s.Process.Stop(ctx)
}

// Database returns the DSN of another database of the server's, made when absent.
// Its name is lower-case letters, digits and underscores.
func (s *Server) Database(ctx context.Context, name string) (string, error) {
	u, err := url.Parse(s.DSN)
	if err != nil || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || name == "" {
		return "", errors.New("the name of a database is lower-case letters, digits and underscores")
	}
	bin, err := binaries()
	if err != nil {
		return "", err
	}
	password, _ := u.User.Password()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "createdb"), "--no-password", "--host="+u.Hostname(), "--port="+u.Port(), "--username="+role, name)
	cmd.Env = []string{"PGPASSWORD=" + password, "LC_ALL=C"}
	if out, err := cmd.CombinedOutput(); err != nil && !strings.Contains(string(out), "already exists") {
		return "", notice.Because(err, notice.Unavailable, "PostgreSQL's createdb failed: "+lastLine(out), "does the server run?")
	}
	u.Path = name
	return u.String(), nil
}

// Restart starts the server again after it ended or was killed. The processes of
// one that was killed may still be ending: they are waited for.
func (s *Server) Restart(ctx context.Context) error { return again(ctx, s.Process.Restart) }

func again(ctx context.Context, start func(context.Context) error) error {
	for until := time.Now().Add(15 * time.Second); ; {
		err := start(ctx)
		if err == nil || ctx.Err() != nil || time.Now().After(until) || !leaving(err) {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// leaving reports whether a server did not start because a killed one is not waited for
// yet by who started it, or its children are on their way out: its own words, or theirs
// where they came after them.
func leaving(err error) bool {
	return strings.Contains(err.Error(), `"postmaster.pid" already exists`) || strings.Contains(err.Error(), "still in use") || strings.Contains(err.Error(), "unexpected postmaster exit")
}

// A folder is where a server lives.
type folder struct {
	Options
	bin  string              // folder of the binaries
	user *syscall.Credential // to run as; nil for our own
}

func folderOf(o Options) (f folder, err error) {
	if f.Options = o; o.Dir == "" {
		return f, errors.New("a PostgreSQL server needs a folder")
	}
	if f.Dir, err = filepath.Abs(o.Dir); err != nil {
		return f, fmt.Errorf("folder of PostgreSQL: %w", err)
	}
	if f.bin, err = binaries(); err != nil {
		return f, err
	}
	f.user, err = systemUser()
	return f, err
}

func (f folder) data() string         { return filepath.Join(f.Dir, "data") }
func (f folder) passwordFile() string { return filepath.Join(f.Dir, "password") }
func (f folder) portFile() string     { return filepath.Join(f.Dir, "port") }

// binaries returns where the newest PostgreSQL of Debian's packages lies.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	found = slices.DeleteFunc(found, func(p string) bool { return version(p) < 13 })
	if len(found) == 0 {
		return "", notice.New(notice.Unsupported, "PostgreSQL 13 or newer is not installed under /usr/lib/postgresql",
			"`apt-get install --no-install-recommends postgresql`, or `--db sqlite`")
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// found makes the cluster, once: in a folder that gets its name when it is
// whole.
func (f folder) found(ctx context.Context, say func(string)) error {
	if _, err := os.Stat(filepath.Join(f.data(), "PG_VERSION")); err == nil {
		return f.sameVersion()
	}
	say("making a PostgreSQL cluster")
	password := rand.Text()
	if err := durable.WriteFile(f.passwordFile(), []byte(password)); err != nil {
		return err
	}
	making := filepath.Join(f.Dir, "making")
	if err := os.RemoveAll(making); err != nil {
		return fmt.Errorf("folder of PostgreSQL: %w", err)
	}
	if err := os.Mkdir(making, 0o700); err != nil {
		return fmt.Errorf("folder of PostgreSQL: %w", err)
	}
	if f.user != nil {
		if err := os.Chown(making, int(f.user.Uid), int(f.user.Gid)); err != nil {
			return fmt.Errorf("folder of PostgreSQL: %w", err)
		}
	}
	if err := f.tool(ctx, making, "", "initdb", "--pgdata=.", "--username="+role, "--auth=trust", "--encoding=UTF8", "--locale=C",
		"--data-checksums", "--no-instructions"); err != nil {
		return err
	}
	// Nobody gets in but by the password. It goes through a pipe: arguments are
	// for all users of the machine to see.
	if err := os.WriteFile(filepath.Join(making, "pg_hba.conf"), []byte("host all all 127.0.0.1/32 scram-sha-256\n"), 0o600); err != nil {
		return fmt.Errorf("folder of PostgreSQL: %w", err)
	}
	if err := f.tool(ctx, making, "CREATE DATABASE "+database+";\nALTER ROLE "+role+" PASSWORD '"+password+"';\n",
		"postgres", "--single", "-D", ".", "-c", "password_encryption=scram-sha-256", "-c", "log_min_error_statement=panic", "postgres"); err != nil {
		return err
	}
	if err := os.Rename(making, f.data()); err != nil {
		return fmt.Errorf("folder of PostgreSQL: %w", err)
	}
	return nil
}

func (f folder) sameVersion() error {
	b, err := os.ReadFile(filepath.Join(f.data(), "PG_VERSION"))
	if err != nil {
		return fmt.Errorf("version of the cluster: %w", err)
	}
	has, installed := strings.TrimSpace(string(b)), filepath.Base(filepath.Dir(f.bin))
	if has == installed {
		return nil
	}
	return notice.New(notice.Unsupported, "the cluster in "+f.data()+" is of PostgreSQL "+has+", and "+installed+" is installed",
		"install postgresql-"+has+", or remove that folder and `manx index rebuild`")
}

// tool runs one of PostgreSQL's programs in a folder.
func (f folder) tool(ctx context.Context, dir, input, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(f.bin, name), args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: f.user}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return notice.Because(err, notice.Unavailable, "PostgreSQL's "+name+" failed: "+lastLine(out), "is the disk full, or the folder "+f.Dir+" another user's?")
	}
	return nil
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// start starts the server on the port of last time, or another where that is
// taken.
func (f folder) start(ctx context.Context) (*Server, error) {
	for try := 0; ; try++ {
		port, err := f.readPort()
		if err != nil || try > 0 {
			ports, err := process.FreePorts(1)
			if err != nil {
				return nil, err
			}
			port = ports[0]
			if err := durable.WriteFile(f.portFile(), []byte(strconv.Itoa(port))); err != nil {
				return nil, err
			}
		}
		s, err := f.server(port)
		if err != nil {
			return nil, err
		}
		err = again(ctx, func(ctx context.Context) (err error) {
			s.Process, err = process.Start(ctx, f.spec(port))
			return err
		})
		if err == nil {
			return s, nil
		}
		if try == 3 || ctx.Err() != nil || !strings.Contains(err.Error(), "could not create any TCP/IP sockets") && !strings.Contains(err.Error(), "Address already in use") {
			return nil, err
		}
	}
}

func (f folder) readPort() (int, error) {
	b, err := os.ReadFile(f.portFile())
	if err != nil {
		return 0, err
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || port < 1 || port > 65535 {
		return 0, errors.New("the port file holds no port")
	}
	return port, nil
}

func (f folder) running() (*Server, bool, error) {
	port, err := f.readPort()
	if err != nil {
		return nil, false, nil //nolint:nilerr // it was never started
	}
	p, ok := process.Attach(f.spec(port))
	if !ok {
		return nil, false, nil
	}
	s, err := f.server(port)
	if err == nil {
		s.Process = p
	}
	return s, true, err
}

func (f folder) server(port int) (*Server, error) {
	password, err := os.ReadFile(f.passwordFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notice.Because(err, notice.NotFound, "the password of the PostgreSQL server in "+f.Dir+" is gone", "remove that folder and `manx index rebuild`")
	}
	if err != nil {
		return nil, fmt.Errorf("password of PostgreSQL: %w", err)
	}
	dsn := url.URL{Scheme: "postgres", User: url.UserPassword(role, string(password)), Host: "127.0.0.1:" + strconv.Itoa(port),
		Path: database, RawQuery: "sslmode=disable"}
	return &Server{DSN: dsn.String()}, nil
}

func (f folder) spec(port int) process.Spec {
	args := []string{"-D", ".", "-p", strconv.Itoa(port)}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=64",
		"shared_buffers=64MB", "huge_pages=off", "fsync=on", "synchronous_commit=on", "full_page_writes=on",
		"logging_collector=off", "log_min_error_statement=panic", "cluster_name=manx", "timezone=UTC", "log_timezone=UTC",
	} {
		args = append(args, "-c", setting)
	}
	return process.Spec{
		Name: "postgres", Path: filepath.Join(f.bin, "postgres"), Args: args, Env: []string{"LC_ALL=C"},
		Dir: f.data(), Run: f.Dir, User: f.user, Tied: f.Tied,
		Ready: func(ctx context.Context) error {
			ask := exec.CommandContext(ctx, filepath.Join(f.bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-t", "1")
			if err := ask.Run(); err != nil {
				return fmt.Errorf("PostgreSQL does not take connections yet: %w", err)
			}
			return nil
		},
	}
}
