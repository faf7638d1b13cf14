package main

import "syscall"

// tie asks for SIGKILL to the program when the thread that started it dies.
func tie(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
