package main

import (
	"context"
	"io/fs"
	"path/filepath"
)

// scaled is n, or a tenth of it when time is short.
func (b *bencher) scaled(n int) int {
	if b.quick {
		return n / 10
	}
	return n
}

func (b *bencher) measureLoads(ctx context.Context) error {
	for _, inFlight := range b.loads {
		var list []Load
		for range b.repeat {
			l, err := b.measureLoad(ctx, inFlight)
			if err != nil {
				return err
			}
			list = append(list, l)
		}
		b.results.Loads = append(b.results.Loads, list)
	}
	return nil
}

// measureSims generates the paper's 6,790 events, and 100 times as many.
func (b *bencher) measureSims(ctx context.Context) error {
	for _, factor := range []int{1, b.scaled(100)} {
		g, err := b.measureSim(ctx, factor)
		if err != nil {
			return err
		}
		b.results.Sim = append(b.results.Sim, g)
	}
	return nil
}

func (b *bencher) measureLines(ctx context.Context) error {
	l, err := b.measureLine(ctx, b.scaled(20))
	b.results.Lines = append(b.results.Lines, l)
	return err
}

func (b *bencher) measureReuses(ctx context.Context) error {
	for _, far := range []bool{false, true} {
		shards := b.scaled(1000)
		if far {
			shards = 100
		}
		r, err := b.measureReuse(ctx, shards, far)
		if err != nil {
			return err
		}
		b.results.Reuse = append(b.results.Reuse, r)
	}
	return nil
}

func (b *bencher) measureManies(ctx context.Context) error {
	for _, far := range []bool{false, true} {
		traces := b.scaled(10_000)
		if far {
			traces = 100
		}
		m, err := b.measureMany(ctx, traces, far)
		if err != nil {
			return err
		}
		b.results.Many = append(b.results.Many, m)
	}
	return nil
}

// measureYears asks for a year of nights.
func (b *bencher) measureYears(ctx context.Context) error {
	for _, far := range []bool{false, true} {
		n, err := b.measureNights(ctx, b.scaled(365), far)
		if err != nil {
			return err
		}
		b.results.Nights = append(b.results.Nights, n)
	}
	return nil
}

// sizeOf sums the files of a folder, in bytes.
func sizeOf(dir string) (n int64, err error) {
	return n, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
}
