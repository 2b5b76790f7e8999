package plan

// Inputs are what goes into the gym; prompts count where they may stop it.
func (p *Generate) Inputs() GymInputs {
	in := GymInputs{Scenes: p.Scenes, Limit: p.Limit, Seeds: p.Seeds}
	if p.Leaks != nil {
		in.Prompts = p.Leaks.Prompts
	}
	return in
}

// Files are those that a step reads for them.
func (l *Leaks) Files() []*File {
	if l == nil {
		return nil
	}
	return append(pointers(l.Prompts), &l.Benchmark)
}

// Files are those that a step reads for them.
func (g *GymInputs) Files() []*File {
	if g == nil {
		return nil
	}
	return append(pointers(g.Prompts), g.Scenes, g.Seeds)
}

// Files are those that a step reads for them.
func (g *GymScenes) Files() []*File {
	if g == nil {
		return nil
	}
	return []*File{g.Finished, &g.Seeds}
}

func pointers(files []File) (list []*File) {
	for i := range files {
		list = append(list, &files[i])
	}
	return list
}
