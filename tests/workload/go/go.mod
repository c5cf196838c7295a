module pathbpf/goserver

go 1.19
