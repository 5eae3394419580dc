"""All sources, as types of settings."""

from typing import Annotated

from pydantic import Field

from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.config.sources.radial import RadialImages, RadialSource

Source = Annotated[
    PhantomSource | NiftiSource | DecathlonSource | MetaImageSource | ChaosSource | RadialSource,
    Field(discriminator="kind"),
]


def radial_images(source: Source) -> RadialImages | None:
    """How a source's images are reconstructed from radial k-space; None where they are not."""
    if isinstance(source, PhantomSource):
        return source.radial
    return source if isinstance(source, RadialSource) else None
