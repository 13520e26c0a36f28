// Toxiproxy's own Go client: what its users do. See ../clients_test.py.
package proxyclients

import (
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"syscall"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
)

const patience = 30 * time.Second

var echo = os.Getenv("ECHO")

// A client; all proxies are gone after the test.
func connectAPI(t *testing.T) *toxiproxy.Client {
	t.Helper()
	client := toxiproxy.NewClient(os.Getenv("PROXY_API"))
	t.Cleanup(func() {
		proxies, err := client.Proxies()
		must(t, err)
		for _, proxy := range proxies {
			must(t, proxy.Delete())
		}
	})
	return client
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, got, wanted any) {
	t.Helper()
	if !reflect.DeepEqual(got, wanted) {
		t.Fatalf("got %#v, wanted %#v", got, wanted)
	}
}

// The client surfaces an error of the API as it is, or wrapped.
func fails(t *testing.T, err error, status int, message string) {
	t.Helper()
	var refused *toxiproxy.ApiError
	if !errors.As(err, &refused) {
		t.Fatalf("wanted an error of the API, got %v", err)
	}
	equal(t, refused.Status, status)
	if message != "" {
		equal(t, refused.Message, message)
	}
}

func dial(t *testing.T, proxy *toxiproxy.Proxy) net.Conn {
	t.Helper()
	connection, err := net.DialTimeout("tcp", proxy.Listen, patience)
	must(t, err)
	t.Cleanup(func() { connection.Close() })
	must(t, connection.SetDeadline(time.Now().Add(patience)))
	return connection
}

func refused(t *testing.T, proxy *toxiproxy.Proxy) {
	t.Helper()
	connection, err := net.DialTimeout("tcp", proxy.Listen, patience)
	if err == nil {
		connection.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("wanted a refused connection, got %v", err)
	}
}

func roundTrip(t *testing.T, connection net.Conn) time.Duration {
	t.Helper()
	start := time.Now()
	_, err := connection.Write([]byte("hello"))
	must(t, err)
	back := make([]byte, 5)
	_, err = io.ReadFull(connection, back)
	must(t, err)
	equal(t, string(back), "hello")
	return time.Since(start)
}

func atLeast(t *testing.T, took, least time.Duration) {
	t.Helper()
	if took < least {
		t.Fatalf("took %v, less than %v", took, least)
	}
}

func create(t *testing.T, client *toxiproxy.Client, name string) *toxiproxy.Proxy {
	t.Helper()
	proxy, err := client.CreateProxy(name, "127.0.0.1:0", echo)
	must(t, err)
	return proxy
}

func TestProxies(t *testing.T) {
	client := connectAPI(t)
	version, err := client.Version()
	must(t, err)
	if len(version) == 0 {
		t.Fatal("no version")
	}
	proxy := create(t, client, "one")
	if proxy.Listen == "127.0.0.1:0" || !proxy.Enabled {
		t.Fatalf("%+v", proxy)
	}
	roundTrip(t, dial(t, proxy))
	found, err := client.Proxy("one")
	must(t, err)
	equal(t, found.Upstream, echo)
	equal(t, found.Listen, proxy.Listen)
	proxies, err := client.Proxies()
	must(t, err)
	equal(t, len(proxies), 1)
	proxy.Upstream = "127.0.0.1:9"
	must(t, proxy.Save())
	equal(t, proxy.Upstream, "127.0.0.1:9")
	must(t, proxy.Delete())
	refused(t, proxy)
}

func TestPopulate(t *testing.T) {
	client := connectAPI(t)
	made, err := client.Populate([]toxiproxy.Proxy{
		{Name: "a", Listen: "127.0.0.1:0", Upstream: echo, Enabled: true},
		{Name: "b", Listen: "127.0.0.1:0", Upstream: echo, Enabled: true},
		{Name: "c", Listen: "127.0.0.1:0", Upstream: echo},
	})
	must(t, err)
	equal(t, len(made), 3)
	roundTrip(t, dial(t, made[0]))
	roundTrip(t, dial(t, made[1]))
	equal(t, made[2].Enabled, false)
	_, err = made[0].AddToxic("kept", "latency", "upstream", 1, toxiproxy.Attributes{"latency": 1})
	must(t, err)
	again, err := client.Populate([]toxiproxy.Proxy{
		{Name: "a", Listen: made[0].Listen, Upstream: echo, Enabled: true},
		{Name: "b", Listen: made[1].Listen, Upstream: "127.0.0.1:9", Enabled: true},
	})
	must(t, err)
	equal(t, len(again[0].ActiveToxics), 1)
	equal(t, again[1].Upstream, "127.0.0.1:9")
}

func TestToxics(t *testing.T) {
	client := connectAPI(t)
	proxy := create(t, client, "one")
	connection := dial(t, proxy)
	toxic, err := proxy.AddToxic("", "latency", "", 1, toxiproxy.Attributes{"latency": 100})
	must(t, err)
	equal(t, toxic.Name, "latency_downstream")
	equal(t, toxic.Stream, "downstream")
	atLeast(t, roundTrip(t, connection), 100*time.Millisecond)
	// By PATCH; the toxicity stays.
	toxic, err = proxy.UpdateToxic("latency_downstream", -1, toxiproxy.Attributes{"latency": 200})
	must(t, err)
	equal(t, toxic.Toxicity, float32(1))
	equal(t, toxic.Attributes, toxiproxy.Attributes{"latency": 200.0, "jitter": 0.0})
	atLeast(t, roundTrip(t, connection), 200*time.Millisecond)
	toxic, err = client.AddToxic(&toxiproxy.ToxicOptions{ProxyName: "one", ToxicName: "there",
		ToxicType: "slicer", Stream: "upstream", Toxicity: 0.25,
		Attributes: toxiproxy.Attributes{"average_size": 64, "size_variation": 32, "delay": 10}})
	must(t, err)
	equal(t, toxic.Toxicity, float32(0.25))
	toxics, err := proxy.Toxics()
	must(t, err)
	equal(t, len(toxics), 2)
	equal(t, toxics[0].Name, "there")
	must(t, proxy.RemoveToxic("latency_downstream"))
	must(t, client.RemoveToxic(&toxiproxy.ToxicOptions{ProxyName: "one", ToxicName: "there"}))
	toxics, err = proxy.Toxics()
	must(t, err)
	equal(t, toxics, toxiproxy.Toxics{})
	roundTrip(t, connection)

	_, err = proxy.AddToxic("three", "limit_data", "downstream", 1, toxiproxy.Attributes{"bytes": 3})
	must(t, err)
	cut := dial(t, proxy)
	_, err = cut.Write([]byte("hello"))
	must(t, err)
	back, err := io.ReadAll(cut)
	must(t, err)
	equal(t, string(back), "hel")
}

func TestDownAndReset(t *testing.T) {
	client := connectAPI(t)
	proxy := create(t, client, "one")
	connection := dial(t, proxy)
	roundTrip(t, connection)
	must(t, proxy.Disable())
	if _, err := connection.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the connection lives: %v", err)
	}
	refused(t, proxy)
	must(t, proxy.Enable())
	roundTrip(t, dial(t, proxy))
	_, err := proxy.AddToxic("stop", "timeout", "upstream", 1, toxiproxy.Attributes{"timeout": 0})
	must(t, err)
	must(t, proxy.Disable())
	must(t, client.ResetState())
	found, err := client.Proxy("one")
	must(t, err)
	equal(t, found.Enabled, true)
	equal(t, len(found.ActiveToxics), 0)
	roundTrip(t, dial(t, proxy))
}

func TestErrors(t *testing.T) {
	client := connectAPI(t)
	proxy := create(t, client, "one")
	_, err := client.CreateProxy("one", "127.0.0.1:0", echo)
	fails(t, err, 409, "proxy already exists")
	_, err = client.CreateProxy("two", "127.0.0.1:0", "")
	fails(t, err, 400, "missing required field: upstream")
	_, err = client.CreateProxy("two", proxy.Listen, echo)
	fails(t, err, 500, "listen tcp "+proxy.Listen+": bind: address already in use")
	_, err = client.Populate([]toxiproxy.Proxy{{Name: "three"}})
	fails(t, err, 400, "missing required field: upstream at proxy 1")
	_, err = client.Proxy("none")
	fails(t, err, 404, "proxy not found")
	_, err = proxy.AddToxic("", "latncy", "", 1, nil)
	fails(t, err, 400, "")
	_, err = proxy.AddToxic("", "latency", "sideways", 1, nil)
	fails(t, err, 400, "stream was invalid, can be either upstream or downstream")
	_, err = proxy.AddToxic("", "noop", "", 1, nil)
	must(t, err)
	_, err = proxy.AddToxic("", "noop", "", 1, nil)
	fails(t, err, 409, "toxic already exists")
	_, err = proxy.UpdateToxic("none", 1, nil)
	fails(t, err, 404, "toxic not found")
	fails(t, proxy.RemoveToxic("none"), 404, "toxic not found")
	must(t, proxy.Delete())
	fails(t, proxy.Delete(), 404, "proxy not found")
	_, err = proxy.Toxics()
	fails(t, err, 404, "proxy not found")
}
