//go:build tools

// Keeps what Toxiproxy's server needs in go.sum.
package proxyclients

import _ "github.com/Shopify/toxiproxy/v2/cmd/server"
