package main

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// hardware is what a worker's own page says of the machine. What the system does not
// tell, which is all but the cores where there is no /proc, is zero.
type hardware struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Load   float64 `json:"load"`   // processes that ran or waited, mean of the last minute
	Memory int64   `json:"memory"` // bytes
	Free   int64   `json:"free"`   // bytes that may still be had
	GPU    string  `json:"gpu,omitempty"`

	GPUMemory int64 `json:"gpu_memory,omitempty"` // bytes
}

// look returns the machine as it is now, with the GPU that jobs are evaluated on, nil
// where there is none.
func look(g *found) hardware {
	h := hardware{Cores: runtime.NumCPU()}
	h.CPU = runtime.GOARCH
	each("/proc/cpuinfo", func(key, value string) bool {
		if key == "model name" {
			h.CPU = value
		}
		return key != "model name"
	})
	each("/proc/meminfo", func(key, value string) bool {
		kB, _ := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
		switch key {
		case "MemTotal":
			h.Memory = kB << 10
		case "MemAvailable":
			h.Free = kB << 10
		}
		return h.Free == 0
	})
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(b), " ")
		h.Load, _ = strconv.ParseFloat(first, 64)
	}
	if g != nil {
		h.GPU, h.GPUMemory = g.Name, g.Memory
	}
	return h
}

// each hands out the lines "key: value" of a file until take has enough.
func each(name string, take func(key, value string) bool) {
	f, err := os.Open(name)
	if err != nil {
		return
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), ":"); ok && !take(strings.TrimSpace(key), strings.TrimSpace(value)) {
			return
		}
	}
}
