"""The engine without Spark in this process alone, with pieces of files that are as small as a test wants them."""

from spark_model_monitor.data.engine.local_engine import LocalEngine


class InProcess(LocalEngine):
    """of_bytes: how large a piece of a file is at most, whatever its size; None to choose by size as a job does."""

    def __init__(self, of_bytes=None, **options):
        super().__init__(processes=1, **options)
        self.of_bytes = of_bytes
        self.piece_bytes = of_bytes or self.piece_bytes

    def set_partition_size(self, total_bytes, groups=1):
        self.piece_bytes = self.of_bytes or super().set_partition_size(total_bytes, groups)
        return self.piece_bytes


class InOrder(InProcess):
    """Each piece of a file is a partition, in the order of the files' names and of their pieces: rows come as they lie there."""

    def pack_pieces(self, files, cut):
        in_order = sorted(files, key=lambda file: file.path)
        return [[piece] for file in in_order for piece in cut(file, self.of_bytes or file.size_bytes)]
