module witnessed

go 1.25
