package gpu_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"regexp"
	"strconv"
	"strings"

	"manx/privacy/ckks/gpu"
)

// A machine runs PTX, instruction by instruction (NVIDIA, Parallel Thread Execution ISA
// 6.0): the part of it that clang makes of the kernels, and nothing else. It is a
// gpu.Driver. The threads of a block run in turn from one barrier to the next, at which
// all must meet. An address out of range or not a multiple of its length is an error, as
// on a GPU.
type machine struct {
	kernels map[string]*program
	memory  []byte // from base on
	steps   int
}

const base = 1 << 40

type program struct {
	name       string
	parameters map[string]int
	registers  map[string]int
	labels     map[string]int
	code       []instruction
	shared     int // bytes
}

type instruction struct {
	op     string
	args   []operand
	guard  int  // a predicate's register, -1 for none
	unless bool // it is not set
	text   string
}

// An operand is a register, or a number where that is -1; the number is a displacement in
// an address.
type operand struct {
	register int
	number   uint64
	name     string // of a parameter, a label or a special register
}

var (
	entry     = regexp.MustCompile(`^\.visible \.entry (\w+)\($`)
	parameter = regexp.MustCompile(`^\.param \.u64 (\w+),?$`)
	guarded   = regexp.MustCompile(`^@(!?)(%p\d+) (.*)$`)
	local     = regexp.MustCompile(`^\.shared \.align 8 \.b8 \w+\[(\d+)\];$`)
)

func newMachine(ptx string) (*machine, error) {
	m := &machine{kernels: map[string]*program{}}
	var p *program
	for line := range strings.Lines(ptx) {
		line, _, _ = strings.Cut(line, "//")
		line = strings.Join(strings.Fields(line), " ")
		if e := entry.FindStringSubmatch(line); e != nil {
			p = &program{name: e[1], parameters: map[string]int{}, registers: map[string]int{}, labels: map[string]int{}}
			m.kernels[p.name] = p
			continue
		}
		if x := parameter.FindStringSubmatch(line); x != nil {
			p.parameters[x[1]] = len(p.parameters)
			continue
		}
		if x := local.FindStringSubmatch(line); x != nil {
			n, _ := strconv.Atoi(x[1])
			p.shared += n
			continue
		}
		if label, ok := strings.CutSuffix(line, ":"); ok {
			p.labels[label] = len(p.code)
			continue
		}
		if !strings.HasSuffix(line, ";") || strings.HasPrefix(line, ".") {
			continue // directives
		}
		if err := p.add(strings.TrimSuffix(line, ";")); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (p *program) register(name string) int {
	n, ok := p.registers[name]
	if !ok {
		n = len(p.registers)
		p.registers[name] = n
	}
	return n
}

func (p *program) add(line string) error {
	i := instruction{guard: -1, text: line}
	if g := guarded.FindStringSubmatch(line); g != nil {
		i.guard, i.unless, line = p.register(g[2]), g[1] == "!", g[3]
	}
	op, rest, _ := strings.Cut(line, " ")
	i.op = strings.TrimSuffix(op, ".uni")
	for arg := range strings.SplitSeq(rest, ", ") {
		if arg == "" {
			continue
		}
		inside, address := strings.CutPrefix(arg, "[")
		inside = strings.TrimSuffix(inside, "]")
		o := operand{register: -1}
		if address {
			name, plus, _ := strings.Cut(inside, "+")
			if plus != "" {
				n, err := strconv.ParseInt(plus, 0, 64)
				if err != nil {
					return fmt.Errorf("%s: %w", i.text, err)
				}
				o.number = uint64(n)
			}
			inside = name
		}
		switch {
		case strings.HasPrefix(inside, "%") && !strings.Contains(inside, "."):
			o.register = p.register(inside)
		default:
			n, err := strconv.ParseInt(inside, 0, 64)
			if err != nil {
				o.name = inside
			} else {
				o.number = uint64(n)
			}
		}
		i.args = append(i.args, o)
	}
	p.code = append(p.code, i)
	return nil
}

// A thread is where one stands.
type thread struct {
	at   int
	over bool
	r    []uint64
}

// Launch implements gpu.Driver.
func (m *machine) Launch(kernel string, blocks [3]int, args []uint64) error {
	p := m.kernels[kernel]
	if p == nil || len(args) != len(p.parameters) {
		return fmt.Errorf("no kernel %s of %d words", kernel, len(args))
	}
	shared, threads := make([]byte, p.shared), make([]thread, gpu.Threads)
	for k := range threads {
		threads[k].r = make([]uint64, len(p.registers))
	}
	for b := range blocks[0] * blocks[1] * blocks[2] {
		place := [3]int{b % blocks[0], b / blocks[0] % blocks[1], b / blocks[0] / blocks[1]}
		for k := range threads {
			threads[k].at, threads[k].over = 0, false
			clear(threads[k].r)
		}
		for running := true; running; {
			for n := range threads {
				k := n
				if b&1 == 1 {
					k = len(threads) - 1 - n
				}
				if err := m.run(p, &threads[k], k, place, shared, args); err != nil {
					return fmt.Errorf("%s: %w", kernel, err)
				}
			}
			for _, t := range threads {
				if t.at != threads[0].at || t.over != threads[0].over {
					return fmt.Errorf("%s: the threads of a block part at a barrier", kernel)
				}
			}
			running = !threads[0].over
		}
	}
	return nil
}

var errUnknown = errors.New("an instruction that the machine does not know")

// run executes a thread to the next barrier or its end.
func (m *machine) run(p *program, t *thread, number int, place [3]int, shared []byte, args []uint64) error {
	for ; ; t.at++ {
		m.steps++
		i := &p.code[t.at]
		if i.guard >= 0 && (t.r[i.guard] != 0) == i.unless {
			continue
		}
		value := func(k int) uint64 {
			if o := &i.args[k]; o.register >= 0 {
				return t.r[o.register]
			}
			return i.args[k].number
		}
		set := func(v uint64) { t.r[i.args[0].register] = v }
		set32 := func(v uint64) { t.r[i.args[0].register] = v & (1<<32 - 1) }
		truth := func(b bool) {
			t.r[i.args[0].register] = 0
			if b {
				t.r[i.args[0].register] = 1
			}
		}
		low := func(k int) uint64 { return value(k) & (1<<32 - 1) }
		memory := func(k int) (b []byte, err error) {
			at, all := i.args[k].number, m.memory
			if i.args[k].register >= 0 {
				at += t.r[i.args[k].register]
			}
			if strings.Contains(i.op, "shared") {
				all = shared
			} else {
				at -= base
			}
			size := uint64(8)
			if strings.HasSuffix(i.op, "32") {
				size = 4
			}
			if at%size != 0 || at > uint64(len(all)) || uint64(len(all))-at < size {
				return nil, fmt.Errorf("%s: address %d of %d", i.text, int64(at), len(all))
			}
			return all[at : at+size], nil
		}
		switch i.op {
		case "ret":
			t.over = true
			return nil
		case "bar.sync":
			t.at++
			return nil
		case "bra":
			t.at = p.labels[i.args[0].name] - 1
		case "ld.param.u64", "ld.param.u32":
			k, ok := p.parameters[i.args[1].name]
			if !ok || i.args[1].number != 0 {
				return fmt.Errorf("%s: no such parameter", i.text)
			}
			if set(args[k]); i.op == "ld.param.u32" {
				set32(args[k])
			}
		case "ld.global.u64", "ld.u64", "ld.shared.u64":
			b, err := memory(1)
			if err != nil {
				return err
			}
			set(binary.LittleEndian.Uint64(b))
		case "ld.global.u32", "ld.u32":
			b, err := memory(1)
			if err != nil {
				return err
			}
			set(uint64(binary.LittleEndian.Uint32(b)))
		case "st.global.u64", "st.shared.u64":
			b, err := memory(0)
			if err != nil {
				return err
			}
			binary.LittleEndian.PutUint64(b, value(1))
		case "mov.u32":
			switch i.args[1].name {
			case "":
				set32(value(1))
			case "%tid.x":
				set(uint64(number))
			case "%ctaid.x":
				set(uint64(place[0]))
			case "%ctaid.y":
				set(uint64(place[1]))
			case "%ctaid.z":
				set(uint64(place[2]))
			default:
				return fmt.Errorf("%s: %w", i.text, errUnknown)
			}
		case "mov.u64": // a name is the only shared variable's, at 0
			set(value(1))
		case "cvta.to.global.u64", "cvt.u64.u32":
			set(value(1))
		case "cvt.u32.u64":
			set32(value(1))
		case "mov.pred":
			truth(value(1) != 0)
		case "add.s64":
			set(value(1) + value(2))
		case "add.s32":
			set32(value(1) + value(2))
		case "sub.s64":
			set(value(1) - value(2))
		case "sub.s32":
			set32(value(1) - value(2))
		case "mul.lo.s64":
			set(value(1) * value(2))
		case "mul.lo.s32":
			set32(value(1) * value(2))
		case "mul.wide.u32":
			set(low(1) * low(2))
		case "mul.hi.u64":
			hi, _ := bits.Mul64(value(1), value(2))
			set(hi)
		case "div.u32":
			if low(2) == 0 {
				return fmt.Errorf("%s: division by 0", i.text)
			}
			set(low(1) / low(2))
		case "max.u32":
			set(max(low(1), low(2)))
		case "shl.b64":
			set(value(1) << low(2))
		case "shl.b32":
			set32(value(1) << low(2))
		case "shr.u64":
			set(value(1) >> low(2))
		case "shr.u32":
			set(low(1) >> low(2))
		case "and.b64", "and.pred":
			set(value(1) & value(2))
		case "and.b32":
			set32(value(1) & value(2))
		case "or.b64", "or.pred":
			set(value(1) | value(2))
		case "or.b32":
			set32(value(1) | value(2))
		case "not.b64":
			set(^value(1))
		case "not.b32":
			set32(^value(1))
		case "brev.b32":
			set(uint64(bits.Reverse32(uint32(value(1)))))
		case "selp.b64", "selp.u64", "selp.b32":
			if value(3) != 0 {
				set(value(1))
			} else {
				set(value(2))
			}
			if i.op == "selp.b32" {
				set32(t.r[i.args[0].register])
			}
		case "setp.lt.u64":
			truth(value(1) < value(2))
		case "setp.gt.u64":
			truth(value(1) > value(2))
		case "setp.le.u64":
			truth(value(1) <= value(2))
		case "setp.eq.s64":
			truth(value(1) == value(2))
		case "setp.ne.s64":
			truth(value(1) != value(2))
		case "setp.lt.u32":
			truth(low(1) < low(2))
		case "setp.gt.u32":
			truth(low(1) > low(2))
		case "setp.le.u32":
			truth(low(1) <= low(2))
		case "setp.eq.s32":
			truth(low(1) == low(2))
		case "setp.ne.s32":
			truth(low(1) != low(2))
		default:
			return fmt.Errorf("%s: %w", i.text, errUnknown)
		}
	}
}

// Alloc implements gpu.Driver: memory that is rubbish, and is never given twice.
func (m *machine) Alloc(bytes int64) (gpu.Pointer, error) {
	at := gpu.Pointer(base + len(m.memory))
	for range (bytes + 511) &^ 255 { // with a gap after it
		m.memory = append(m.memory, 0xa5)
	}
	return at, nil
}

// Free implements gpu.Driver.
func (m *machine) Free(gpu.Pointer) error { return nil }

// Write implements gpu.Driver.
func (m *machine) Write(to gpu.Pointer, from []byte) error {
	if uint64(to) < base || uint64(to)-base+uint64(len(from)) > uint64(len(m.memory)) {
		return errors.New("a copy out of range")
	}
	copy(m.memory[to-base:], from)
	return nil
}

// Read implements gpu.Driver.
func (m *machine) Read(to []byte, from gpu.Pointer) error {
	if len(to) > 0 && (uint64(from) < base || uint64(from)-base+uint64(len(to)) > uint64(len(m.memory))) {
		return errors.New("a copy out of range")
	}
	if len(to) > 0 {
		copy(to, m.memory[from-base:])
	}
	return nil
}
