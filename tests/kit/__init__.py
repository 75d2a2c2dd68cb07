"""What several test files share: stepped clocks, real clients, servers started on free ports."""
