package index

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	_ "modernc.org/sqlite" // the pure Go driver that sqlite.Config names

	"manx/privacy/notice"
)

//go:embed migrations
var migrations embed.FS

// A place is a database, not yet opened. Its name is safe to show.
type place struct {
	name    string
	dialect goose.Dialect
	folder  string // of its migrations
	conns   int
	// connect opens it. Without patience, statements may take as long as they
	// need: a migration does.
	connect func(patience bool) *sql.DB
	gorm    func(*sql.DB) gorm.Dialector
	locker  func() (lock.SessionLocker, error) // nil where the file itself is locked
}

// A Source names a database: that of DSN in PostgreSQL, or, where DSN is "", the
// SQLite file.
type Source struct {
	File string
	// DSN is a URL or a list of key=value, as libpq reads them. No error and no
	// log line quotes it: it holds a password.
	DSN string
}

// Open opens or makes the index in a database, and brings its tables up to date.
// A server that is starting is waited for, ten seconds at most. Nodes of one
// network may share a PostgreSQL database.
func (s Source) Open(ctx context.Context, log *slog.Logger) (*Index, error) {
	at, err := s.place()
	if err != nil {
		return nil, err
	}
	return open(ctx, at, log)
}

func (s Source) place() (place, error) {
	if s.DSN != "" {
		return postgresAt(s.DSN)
	}
	return sqliteAt(s.File), nil
}

// String returns what may be shown of s.
func (s Source) String() string {
	if s.DSN != "" {
		return "PostgreSQL"
	}
	return s.File
}

// Open opens or makes the index in a SQLite file.
func Open(file string, log *slog.Logger) (*Index, error) {
	return Source{File: file}.Open(context.Background(), log)
}

func open(ctx context.Context, at place, log *slog.Logger) (*Index, error) {
	x, err := connect(at, log)
	if err != nil {
		return nil, err
	}
	if err := x.within(ctx, opening, x.migrate); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// connect returns the index as it stands, its tables old, new or absent.
func connect(at place, log *slog.Logger) (*Index, error) {
	pool := at.connect(true)
	pool.SetMaxOpenConns(at.conns)
	pool.SetMaxIdleConns(at.conns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	x := &Index{at: at, log: log, grown: make(chan struct{}), busy: map[spot]chan struct{}{}}
	var err error
	// gorm asks SQLite for its version, which reads the file.
	if x.db, err = gorm.Open(at.gorm(pool), &gorm.Config{Logger: logger.Discard, SkipDefaultTransaction: true, DisableAutomaticPing: true}); err != nil {
		return nil, errors.Join(x.heard(context.Background(), err), pool.Close())
	}
	return x, nil
}

func sqliteAt(file string) place {
	// Transactions here all write: one that began by reading could not always go
	// on to write, so each takes the write lock first.
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath()}).String() +
		"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=cache_size(-16384)" // 16 MiB a connection
	return place{
		name: "the file " + filepath.Base(file), dialect: goose.DialectSQLite3, folder: "migrations/sqlite", conns: 4,
		connect: func(bool) *sql.DB {
			db, _ := sql.Open("sqlite", dsn) // fails for unknown drivers only
			return db
		},
		gorm: func(db *sql.DB) gorm.Dialector { return sqlite.New(sqlite.Config{DriverName: "sqlite", Conn: db}) },
	}
}

// Times of a PostgreSQL session, in milliseconds.
const (
	statementTimeout = "15000"
	lockTimeout      = "10000"
	idleTimeout      = "15000" // of a transaction whose node went silent
)

func postgresAt(dsn string) (place, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		// pgx quotes the address, and only tries to hide the password in it.
		return place{}, notice.New(notice.Invalid, "the address of the database cannot be read",
			"write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, with other signs than letters and digits percent-encoded")
	}
	config.ConnectTimeout = 5 * time.Second
	config.RuntimeParams["application_name"] = "manx"
	// Statements are planned as they come: those of a batch differ in length, and
	// a pool in front of the server may give each another session.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	patient := config.Copy()
	config.RuntimeParams["statement_timeout"] = statementTimeout
	config.RuntimeParams["lock_timeout"] = lockTimeout
	config.RuntimeParams["idle_in_transaction_session_timeout"] = idleTimeout
	return place{
		name: "the database " + config.Database, dialect: goose.DialectPostgres, folder: "migrations/postgres", conns: 16,
		connect: func(patience bool) *sql.DB {
			if patience {
				return stdlib.OpenDB(*config)
			}
			return stdlib.OpenDB(*patient)
		},
		gorm:   func(db *sql.DB) gorm.Dialector { return postgres.New(postgres.Config{Conn: db}) },
		locker: func() (lock.SessionLocker, error) { return lock.NewPostgresSessionLocker() },
	}, nil
}

// migrate brings the tables up to date: each step in a transaction of its own,
// so that one which was interrupted is done again. Two nodes that open one
// database take turns.
func (x *Index) migrate(ctx context.Context) error {
	pool := x.at.connect(false)
	pool.SetMaxOpenConns(2)
	defer func() { _ = pool.Close() }()
	steps, err := fs.Sub(migrations, x.at.folder)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	options := []goose.ProviderOption{goose.WithSlog(slog.New(slog.DiscardHandler)), goose.WithDisableGlobalRegistry(true)}
	if x.at.locker != nil {
		l, err := x.at.locker()
		if err != nil {
			return fmt.Errorf("migrations: %w", err)
		}
		options = append(options, goose.WithSessionLocker(l))
	}
	p, err := goose.NewProvider(x.at.dialect, pool, steps, options...)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("version of the index: %w", err)
	}
	if has > knows {
		return notice.New(notice.Unsupported, fmt.Sprintf("the index in %s was made by a newer manx: its tables are of version %d, and this one knows %d", x.at.name, has, knows),
			"run the newer manx, or make the index again for this one: `manx index rebuild`")
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate index: %w", err)
	}
	return nil
}

// drop removes every table of the index, whatever version they are of.
func (x *Index) drop(ctx context.Context) error {
	return x.within(ctx, opening, func(ctx context.Context) error {
		return x.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			for _, t := range []string{"states", "mentions", "cursors", "sessions", "blobs", "owned", "accounts", "movements", "uses", "used", "logged", "terms", "ids", "unspent", "purses", "taken", "staffs", "sign_ins", "answers", goose.DefaultTablename} {
				if err := tx.Exec("DROP TABLE IF EXISTS " + t).Error; err != nil {
					return err
				}
			}
			return nil
		})
	})
}
