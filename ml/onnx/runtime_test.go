package onnx

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"manx/ml"
	"manx/ml/clear"
)

// script runs a model with onnxruntime-web; stdin is {model, input, shape}.
const script = `
const ort = require('onnxruntime-web');
let text = '';
process.stdin.on('data', d => text += d).on('end', async () => {
  const a = JSON.parse(text);
  const s = await ort.InferenceSession.create(Buffer.from(a.model, 'base64'));
  const out = await s.run({input: new ort.Tensor('float32', Float32Array.from(a.input), a.shape)});
  console.log('RESULT ' + JSON.stringify(Array.from(out.output.data)));
});`

// TestOnnxruntimeAgrees compares with another implementation where there is
// one: NODE_PATH names a folder that holds onnxruntime-web (1.30.0 was used).
func TestOnnxruntimeAgrees(t *testing.T) {
	if exec.Command("node", "-e", "require('onnxruntime-web')").Run() != nil {
		t.Skip("node with onnxruntime-web is not installed (npm install onnxruntime-web@1.30.0, then set NODE_PATH)")
	}
	lung, err := os.ReadFile("../lungct/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	models := [][]byte{lung}
	for _, g := range []ml.Graph{small(), wide()} {
		var file bytes.Buffer
		if err := Write(&file, g); err != nil {
			t.Fatal(err)
		}
		models = append(models, file.Bytes())
	}
	for _, model := range models {
		g, err := Read(bytes.NewReader(model))
		if err != nil {
			t.Fatal(err)
		}
		x := reals(rand.New(rand.NewPCG(8, 9)), ml.Size(g.Input))
		want, err := clear.Run(g, x)
		if err != nil {
			t.Fatal(err)
		}
		in, err := json.Marshal(map[string]any{"model": model, "input": x, "shape": append([]int{1}, g.Input...)})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "node", "-e", script)
		cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		_, line, ok := bytes.Cut(out, []byte("RESULT "))
		var got []float64
		if err := json.Unmarshal(line, &got); !ok || err != nil || len(got) != len(want) {
			t.Fatalf("%s: %s (%v)", g.Name, out, err)
		}
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-4*(1+math.Abs(want[i])) {
				t.Errorf("%s: output %d is %g, not %g", g.Name, i, got[i], want[i])
			}
		}
	}
}
