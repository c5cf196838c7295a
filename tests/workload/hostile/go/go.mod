module pathbpf.test/goroutines

go 1.19
