"""Jobs on their subjects: definitions, instances, the rules that all follow, timers."""
