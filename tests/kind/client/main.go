// Sends GETs at planned times with Go's net/http and prints one line of JSON: how many were sent, answered and failed. It is an
// open loop: a slow answer delays no other request. An independent count beside a load of rollproof in the same rollout.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

type failure struct {
	Kind     string `json:"kind"`
	Words    string `json:"words"`
	SentNs   int64  `json:"sent_unix_ns"`
	FailedNs int64  `json:"failed_unix_ns"`
}

type counts struct {
	lock     sync.Mutex
	Sent     int            `json:"sent"`
	Answered map[string]int `json:"answered"`
	Failed   map[string]int `json:"failed"`
	// Requests that net/http sent again on another connection, as it does with a GET on a kept-alive connection that had ended.
	// Each is counted once, by its last end. There are none without keep-alive.
	Retried   int   `json:"retried"`
	MaxLateUs int64 `json:"max_late_us"`
	// By the second of the wall clock in which they were sent.
	SentIn map[int64]int `json:"sent_in"`
	// What was not answered, and what was answered with 400 or more.
	Failures []failure `json:"failures"`
}

var (
	url       = flag.String("url", "", "where the requests go; an http or https `URL`")
	rate      = flag.Float64("rate", 100, "requests a second")
	duration  = flag.Duration("duration", 10*time.Second, "how long requests are sent; a SIGTERM ends it sooner")
	timeout   = flag.Duration("timeout", 5*time.Second, "of each request, from its beginning to the end of its body")
	keepAlive = flag.Bool("keep-alive", false, "keep connections; otherwise each request has a new one")
	host      = flag.String("host", "", "`NAME` for the Host header and for TLS, if it is not the URL's")
	insecure  = flag.Bool("insecure", false, "take any certificate")
	ca        = flag.String("ca", "", "`FILE` with the CA certificates to trust, as PEM")
)

// The kind of a failure. Timeouts come first: they wrap whatever was under way.
func kind(err error) string {
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, syscall.ETIMEDOUT):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "eof"
	}
	return "other"
}

func newClient() *http.Client {
	config := &tls.Config{InsecureSkipVerify: *insecure}
	if name, _, err := net.SplitHostPort(*host); err == nil {
		config.ServerName = name
	} else {
		config.ServerName = *host
	}
	if *ca != "" {
		pem, err := os.ReadFile(*ca)
		config.RootCAs = x509.NewCertPool()
		if err != nil || !config.RootCAs.AppendCertsFromPEM(pem) {
			log.Fatalf("%s: expected CA certificates as PEM (%v)", *ca, err)
		}
	}
	transport := &http.Transport{
		TLSClientConfig:     config,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1 only
		DisableKeepAlives:   !*keepAlive,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 1000,
	}
	unfollowed := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: transport, Timeout: *timeout, CheckRedirect: unfollowed}
}

// Sends one request; returns its status.
func get(client *http.Client, tries *int) (int, error) {
	trace := &httptrace.ClientTrace{GetConn: func(string) { *tries++ }}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), http.MethodGet, *url, nil)
	if err != nil {
		return 0, err
	}
	request.Host = *host
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func (counts *counts) request(client *http.Client, planned time.Time) {
	sent, tries := time.Now(), 0
	status, err := get(client, &tries)
	ended := time.Now()
	counts.lock.Lock()
	defer counts.lock.Unlock()
	counts.SentIn[sent.Unix()]++
	counts.MaxLateUs = max(counts.MaxLateUs, sent.Sub(planned).Microseconds())
	if tries > 1 {
		counts.Retried++
	}
	if err == nil {
		counts.Answered[strconv.Itoa(status)]++
		if status >= 400 {
			kind := "status-" + strconv.Itoa(status)
			counts.Failures = append(counts.Failures, failure{kind, "", sent.UnixNano(), ended.UnixNano()})
		}
		return
	}
	kind := kind(err)
	counts.Failed[kind]++
	counts.Failures = append(counts.Failures, failure{kind, err.Error(), sent.UnixNano(), ended.UnixNano()})
}

func main() {
	flag.Parse()
	if *url == "" || *rate <= 0 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGTERM, os.Interrupt)
	client, sum := newClient(), counts{Answered: map[string]int{}, Failed: map[string]int{}, SentIn: map[int64]int{}, Failures: []failure{}}
	var inFlight sync.WaitGroup
	begun := time.Now()
schedule:
	for ; ; sum.Sent++ {
		planned := begun.Add(time.Duration(float64(sum.Sent) / *rate * float64(time.Second)))
		if planned.Sub(begun) >= *duration {
			break
		}
		select {
		case <-stopped:
			break schedule
		case <-time.After(time.Until(planned)):
		}
		inFlight.Add(1)
		go func() {
			defer inFlight.Done()
			sum.request(client, planned)
		}()
	}
	inFlight.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(&sum); err != nil {
		log.Fatal(err)
	}
}
