"""Text that users write (command line, crypttab, job files) turned into typed values."""
