package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"manx/health"
	"manx/ml"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner/patient"
)

// studies is a site's folder of them while a table is read: what is outside of it is
// not reached, whatever a table or a link says.
type studies struct {
	root  *os.Root
	input ml.Input
	kept  *Kept
	used  map[string]stamped
}

// Kept holds prepared pictures between rounds, of the rows that were read last, so
// that a study is decoded once. It is of one training.
type Kept struct {
	mu  sync.Mutex
	all map[string]stamped
}

// A stamped study is what was made of its files as they were.
type stamped struct {
	stamp    string
	examples [][]float64
}

func openStudies(at Place, input ml.Input) (*studies, error) {
	root, err := os.OpenRoot(at.Studies)
	if err != nil {
		return nil, notice.Because(err, notice.NotFound, "the site's folder of studies cannot be read", "make the folder studies in the site's folder, with the studies that the table names")
	}
	return &studies{root: root, input: input, kept: at.Kept, used: map[string]stamped{}}, nil
}

// close keeps what was used, and nothing else.
func (s *studies) close() error {
	if s.kept != nil {
		s.kept.mu.Lock()
		s.kept.all = s.used
		s.kept.mu.Unlock()
	}
	return s.root.Close()
}

func (s *studies) before(name string) (stamped, bool) {
	if s.kept == nil {
		return stamped{}, false
	}
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	x, ok := s.kept.all[name]
	return x, ok
}

// maxFiles bounds a study, and maxPicture a prepared picture: files and bytes.
const maxFiles, maxPicture, maxPictureSide = 20000, 1 << 22, 4096

// prepare returns the examples of a study.
func (s *studies) prepare(ctx context.Context, name string) ([][]float64, error) {
	name = path.Clean(filepath.ToSlash(name))
	if !fs.ValidPath(name) || name == "." {
		return nil, notice.New(notice.Invalid, "it is no path in the folder studies", "give the path from there, such as 0017 or 2024/0017.zip")
	}
	stamp, pictures, err := s.look(ctx, name)
	if err != nil {
		return nil, err
	}
	x, ok := s.before(name)
	if !ok || x.stamp != stamp {
		x = stamped{stamp: stamp}
		if len(pictures) > 0 {
			x.examples, err = s.pictures(ctx, pictures)
		} else {
			x.examples, err = s.dicom(ctx, name)
		}
		if err != nil {
			return nil, err
		}
	}
	s.used[name] = x
	return x.examples, nil
}

// look returns what changes when a study's files do, and its prepared pictures.
func (s *studies) look(ctx context.Context, name string) (stamp string, pictures []string, err error) {
	var b strings.Builder
	files := 0
	err = fs.WalkDir(s.root.FS(), name, func(p string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() {
			return err
		}
		if files++; files > maxFiles {
			return notice.New(notice.Invalid, fmt.Sprintf("it has more than %d files", maxFiles), "give a row the folder of one study")
		}
		info, err := s.root.Stat(filepath.FromSlash(p))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s\x00%d\x00%d\x00", p, info.Size(), info.ModTime().UnixNano())
		if strings.EqualFold(path.Ext(p), ".png") {
			pictures = append(pictures, p)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) || err == nil && files == 0 {
		err = notice.Because(err, notice.NotFound, "there is no such study in the folder studies, or it is empty", "put it there, or correct the path")
	}
	return b.String(), pictures, err
}

// pictures reads prepared pictures, as many as a study has slices, evenly spread over
// them in the order of their names.
func (s *studies) pictures(ctx context.Context, names []string) (all [][]float64, err error) {
	slices.Sort(names)
	n := min(len(names), s.input.Slices)
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x, err := s.picture(names[i*len(names)/n])
		if err != nil {
			return nil, notice.Because(err, notice.Invalid, fmt.Sprintf("picture %d of it cannot be read: %s", i*len(names)/n+1, err), fmt.Sprintf("prepare 8-bit grey PNG of %d x %d pixels or more, square", s.input.Size, s.input.Size))
		}
		all = append(all, x)
	}
	return all, nil
}

func (s *studies) picture(name string) ([]float64, error) {
	f, err := s.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, errors.New("its file cannot be opened")
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, maxPicture+1))
	if err != nil || len(raw) > maxPicture {
		return nil, errors.New("its file is larger than 4 MiB")
	}
	size, err := png.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return nil, errors.New("it is no PNG")
	}
	if size.Width != size.Height || size.Width < s.input.Size || size.Width > maxPictureSide {
		return nil, errors.New("it is not square, or too small or too large")
	}
	im, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, errors.New("it is a damaged PNG")
	}
	grey, ok := im.(*image.Gray)
	if !ok {
		return nil, errors.New("it is not of 8-bit grey")
	}
	values := make([]float64, size.Width*size.Height)
	for y := range size.Height {
		for x := range size.Width {
			values[y*size.Width+x] = float64(grey.Pix[y*grey.Stride+x]) / 255
		}
	}
	return health.Resize(values, size.Height, size.Width, s.input.Size), nil
}

// dicom reads a study's files as a patient's device does.
func (s *studies) dicom(ctx context.Context, name string) ([][]float64, error) {
	of, err := s.files(name)
	if err != nil {
		return nil, err
	}
	in, err := health.ReadFS(ctx, of)
	if err != nil {
		if in != nil {
			err = errors.Join(err, in.Close())
		}
		return nil, err
	}
	defer func() { _ = in.Close() }()
	if len(in.Studies) != 1 {
		return nil, notice.New(notice.Invalid, fmt.Sprintf("it holds %d studies, and no prepared pictures", len(in.Studies)), "give a row one study: a folder or a ZIP of its files, or grey PNG")
	}
	chosen, err := health.SelectSlices(ctx, &in.Studies[0], patient.SchemaOf(&s.input), s.input.Slices)
	if err != nil {
		return nil, err
	}
	return health.Inputs(chosen, reveal.Token{}), nil
}

// files is a study as a file system: a folder, or one file.
func (s *studies) files(name string) (fs.FS, error) {
	info, err := s.root.Stat(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return fs.Sub(s.root.FS(), name)
	}
	return single{s.root.FS(), name}, nil
}

// single is a file system of one file.
type single struct {
	fs.FS
	name string
}

// ReadDir implements fs.ReadDirFS.
func (f single) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, fs.ErrNotExist
	}
	info, err := fs.Stat(f.FS, f.name)
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(info)}, nil
}

// Open implements fs.FS.
func (f single) Open(name string) (fs.File, error) {
	if name == path.Base(f.name) {
		name = f.name
	}
	return f.FS.Open(name)
}
