package fabric

import (
	"context"

	"manx/cmd/real/tools"
	"manx/deploy"
)

// Version is Fabric's, as its programs say it. Its tag in the module proxy is
// the pseudo-version in deploy/fabric/tools.mod.
const Version = "v2.5.9"

// Programs returns the folder of Fabric's programs (configtxgen, orderer, peer),
// after building them once: about three minutes on two cores.
func Programs(ctx context.Context, say func(string)) (string, error) {
	mod, err := deploy.Files.ReadFile("fabric/tools.mod")
	if err != nil {
		return "", err
	}
	sum, err := deploy.Files.ReadFile("fabric/tools.sum")
	if err != nil {
		return "", err
	}
	return tools.Build(ctx, tools.Tool{
		Name: "fabric-" + Version, Mod: mod, Sum: sum, Say: say,
		Ldflags: "-X github.com/hyperledger/fabric/common/metadata.Version=" + Version,
		Packages: []string{
			"github.com/hyperledger/fabric/cmd/configtxgen",
			"github.com/hyperledger/fabric/cmd/orderer",
			"github.com/hyperledger/fabric/cmd/peer",
		},
	})
}
