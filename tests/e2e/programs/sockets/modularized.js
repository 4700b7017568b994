// Runs a program that was built as a module, which keeps its variables to itself.
createProgram();
