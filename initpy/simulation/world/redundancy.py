"""How many of their parts arrays and logical volumes can do without."""

from initpy.simulation.world.plans import ArrayPlan, LogicalPlan


def enough(array: ArrayPlan, clean: bool, there: set[int]) -> bool:
    """Whether the array can work with these slots; enough() in mdadm's util.c."""
    whole, count = len(array.on), len(there)
    match array.level:
        case "raid1":
            return count >= 1
        case "raid4" | "raid5":
            if array.level == "raid4" and count == whole - 1 and whole - 1 not in there:
                return True
            return count >= whole - 1 if clean else count >= whole
        case "raid6":
            return count >= whole - 2 if clean else count >= whole
        case "raid10":  # two copies next to each other: enough_10()
            first = 0
            while True:
                if not {first % whole, (first + 1) % whole} & there:
                    return False
                first = (first + 2) % whole
                if first == 0:
                    return True
    return count >= whole


def spare(volume: LogicalPlan, lost: int) -> bool:
    """Whether a volume may lack so many of its devices in LVM's mode "degraded"; lvmraid(7)."""
    return lost <= {"raid1": 1, "raid5": 1}.get(volume.type, 0)
