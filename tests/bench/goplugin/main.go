// The peer: the same work over HashiCorp's go-plugin, as Debian ships it, with AutoMTLS. Host and plugin are one
// program, which starts itself.
//
//	goplugin-bench LAUNCHES RECORDS OPERATIONS
//
// prints {"launch_ms":M,"row_us":R,"batch_us":B,"operation_us":O,"memory_kb":K} as plugin_bench does; row_us is one record
// a message, batch_us the best of rows and columns, 100 and 500 a message.
package main

import (
	"context"
	"fmt"
	"io"
	"io/ioutil"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bench/bench"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

const (
	attributes = 20
	inFlight   = 256
	together   = 64
	deltas     = 5
)

var handshake = plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "BENCH_PLUGIN", MagicCookieValue: "bench"}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "goplugin-bench:", err)
		os.Exit(1)
	}
}

type bridge struct{ plugin.NetRPCUnsupportedPlugin }

func (bridge) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	bench.RegisterBenchServer(server, &service{})
	return nil
}

func (bridge) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, connection *grpc.ClientConn) (interface{}, error) {
	return bench.NewBenchClient(connection), nil
}

type service struct{}

const filler = "abcdefghijklmnopqrstuvwx"

func value(number, i int64) string {
	text := []byte(filler[:16+(number+i)%9])
	text[0] = byte('a' + number%26)
	return string(text)
}

func row(number int64) *bench.Row {
	result := &bench.Row{Id: "thing-" + strconv.FormatInt(number, 10), Values: make([]string, attributes)}
	for i := range result.Values {
		result.Values[i] = value(number, int64(i))
	}
	return result
}

func (*service) Info(context.Context, *bench.Empty) (*bench.Plugin, error) {
	return &bench.Plugin{Name: "bench", Version: "1.0.0"}, nil
}

func (*service) Rows(request *bench.ImportRequest, stream bench.Bench_RowsServer) error {
	for number := int64(0); number < request.Records; number++ {
		if err := stream.Send(row(number)); err != nil {
			return err
		}
	}
	return nil
}

func (*service) RowBatches(request *bench.ImportRequest, stream bench.Bench_RowBatchesServer) error {
	for number := int64(0); number < request.Records; number += request.Batch {
		batch := &bench.Rows_{Rows: make([]*bench.Row, 0, request.Batch)}
		for k := number; k < number+request.Batch && k < request.Records; k++ {
			batch.Rows = append(batch.Rows, row(k))
		}
		if err := stream.Send(batch); err != nil {
			return err
		}
	}
	return nil
}

func (*service) Columns(request *bench.ImportRequest, stream bench.Bench_ColumnsServer) error {
	for number := int64(0); number < request.Records; number += request.Batch {
		batch := &bench.ColumnBatch{Columns: make([]*bench.Column, attributes)}
		for i := range batch.Columns {
			batch.Columns[i] = &bench.Column{Values: make([]string, 0, request.Batch)}
		}
		for k := number; k < number+request.Batch && k < request.Records; k++ {
			batch.Ids = append(batch.Ids, "thing-"+strconv.FormatInt(k, 10))
			for i := range batch.Columns {
				batch.Columns[i].Values = append(batch.Columns[i].Values, value(k, int64(i)))
			}
		}
		if err := stream.Send(batch); err != nil {
			return err
		}
	}
	return nil
}

func (*service) Apply(stream bench.Bench_ApplyServer) error {
	for {
		operations, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		results := &bench.Results{Results: make([]*bench.Result, 0, len(operations.Operations))}
		for _, operation := range operations.Operations {
			results.Results = append(results.Results, &bench.Result{Operation: operation.Id, Outcome: 1, ObjectId: operation.ObjectId})
		}
		if err := stream.Send(results); err != nil {
			return err
		}
	}
}

func start() (*plugin.Client, bench.BenchClient, int) {
	command := exec.Command(os.Args[0], "plugin")
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  handshake,
		Plugins:          map[string]plugin.Plugin{"bench": bridge{}},
		Cmd:              command,
		AutoMTLS:         true,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Error}),
	})
	protocol, err := client.Client()
	must(err)
	raw, err := protocol.Dispense("bench")
	must(err)
	api := raw.(bench.BenchClient)
	_, err = api.Info(context.Background(), &bench.Empty{})
	must(err)
	return client, api, command.Process.Pid
}

func seconds(time syscall.Timeval) float64 { return float64(time.Sec) + 1e-6*float64(time.Usec) }

// Processor seconds of this process and of the plugin, so far.
func spent(pid int) float64 {
	var own syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &own))
	line, err := ioutil.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(err)
	fields := strings.Fields(string(line[strings.LastIndexByte(string(line), ')')+2:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return seconds(own.Utime) + seconds(own.Stime) + (user+system)/100
}

func peakMemory(pid int) string {
	status, err := ioutil.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(err)
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmHWM:") {
			return strings.Fields(line)[1]
		}
	}
	return "0"
}

var touched int

func touch(values []string) {
	for _, value := range values {
		touched += len(value)
	}
}

// Processor microseconds for each of `count`, of which `work` says how many it did.
func each(pid int, count int64, work func() int64) float64 {
	before := spent(pid)
	if done := work(); done != count {
		must(fmt.Errorf("%d of %d", done, count))
	}
	return (spent(pid) - before) * 1e6 / float64(count)
}

func readRows(api bench.BenchClient, records int64) (done int64) {
	stream, err := api.Rows(context.Background(), &bench.ImportRequest{Records: records})
	must(err)
	for {
		row, err := stream.Recv()
		if err == io.EOF {
			return done
		}
		must(err)
		touch(row.Values)
		done++
	}
}

func readRowBatches(api bench.BenchClient, records, batch int64) (done int64) {
	stream, err := api.RowBatches(context.Background(), &bench.ImportRequest{Records: records, Batch: batch})
	must(err)
	for {
		rows, err := stream.Recv()
		if err == io.EOF {
			return done
		}
		must(err)
		for _, row := range rows.Rows {
			touch(row.Values)
		}
		done += int64(len(rows.Rows))
	}
}

func readColumns(api bench.BenchClient, records, batch int64) (done int64) {
	stream, err := api.Columns(context.Background(), &bench.ImportRequest{Records: records, Batch: batch})
	must(err)
	for {
		columns, err := stream.Recv()
		if err == io.EOF {
			return done
		}
		must(err)
		for _, column := range columns.Columns {
			touch(column.Values)
		}
		done += int64(len(columns.Ids))
	}
}

func apply(api bench.BenchClient, count int64) (done int64) {
	stream, err := api.Apply(context.Background())
	must(err)
	free := make(chan struct{}, inFlight/together)
	ended := make(chan struct{})
	go func() {
		for {
			results, err := stream.Recv()
			if err == io.EOF {
				close(ended)
				return
			}
			must(err)
			done += int64(len(results.Results))
			<-free
		}
	}()
	for sent := int64(0); sent < count; sent += together {
		free <- struct{}{}
		batch := &bench.Operations{Operations: make([]*bench.Operation, together)}
		for i := range batch.Operations {
			number := strconv.FormatInt(sent+int64(i), 10)
			operation := &bench.Operation{Id: "operation-" + number, Action: 3, ObjectClass: "thing", ObjectId: "thing-" + number}
			for k := 0; k < deltas; k++ {
				operation.Deltas = append(operation.Deltas,
					&bench.Delta{Attribute: "a" + strconv.Itoa(k), Value: "a value of some bytes " + strconv.Itoa(i%10)})
			}
			batch.Operations[i] = operation
		}
		must(stream.Send(batch))
	}
	must(stream.CloseSend())
	<-ended
	return done
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "plugin" {
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig: handshake,
			Plugins:         map[string]plugin.Plugin{"bench": bridge{}},
			GRPCServer:      plugin.DefaultGRPCServer,
			Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Error}),
		})
		return
	}
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: goplugin-bench LAUNCHES RECORDS OPERATIONS")
		os.Exit(2)
	}
	launches, err := strconv.Atoi(os.Args[1])
	must(err)
	records, err := strconv.ParseInt(os.Args[2], 10, 64)
	must(err)
	operations, err := strconv.ParseInt(os.Args[3], 10, 64)
	must(err)
	var took []float64
	for i := 0; i < launches; i++ {
		began := time.Now()
		client, _, _ := start()
		took = append(took, time.Since(began).Seconds()*1e3)
		client.Kill()
	}
	sort.Float64s(took)
	client, api, pid := start()
	defer client.Kill()
	rows := each(pid, records, func() int64 { return readRows(api, records) })
	best := rows
	for _, batch := range []int64{100, 500} {
		size := batch
		for _, work := range []func() int64{
			func() int64 { return readRowBatches(api, records, size) },
			func() int64 { return readColumns(api, records, size) },
		} {
			if cost := each(pid, records, work); cost < best {
				best = cost
			}
		}
	}
	operation := each(pid, operations, func() int64 { return apply(api, operations) })
	fmt.Printf("{\"launch_ms\":%.2f,\"row_us\":%.3f,\"batch_us\":%.3f,\"operation_us\":%.3f,\"memory_kb\":%s}\n",
		took[len(took)/2], rows, best, operation, peakMemory(pid))
}
