module portability

go 1.24
